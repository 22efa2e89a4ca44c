from tests.support.running_app import _one_tls_context, crm, sandbox

__all__ = ["_one_tls_context", "crm", "sandbox"]
