// The telephones: what a press on something does. Everything that changes comes from the server (htmx, server-sent events).
"use strict";

let posted = null;
const phoneOf = (element) => element.closest(".phone");
const post = (phone, act, values = {}) => {
  const path = act.startsWith("/") ? act : `/phones/${phone.dataset.key}/${act}`;
  const target = phone ? `#toast-${phone.dataset.key}` : "#switched";
  posted = htmx.ajax("POST", path, { values, target, swap: "innerHTML" });
  return posted;
};
const say = (phone, text, more = {}) => { comeDown(phone); return post(phone, "send", { text, ...more }); };

// Whoever sends something sees it, wherever they were reading.
function comeDown(phone) {
  const log = phone.querySelector(".log");
  log.scrollTop = log.scrollHeight;
  log.dispatchEvent(new Event("scroll"));
}

// The round button: down, and on with the chat, since the button itself goes away.
function goDown(button) {
  const phone = phoneOf(button);
  comeDown(phone);
  phone.querySelector(".log").focus({ preventScroll: true });
}

// --- the bar above the input field: what is replied to, or edited ---------------------------------------------------

function pick(phone, mode, id, words, text = "", by = "person") {
  const form = phone.querySelector("form"), bar = form.querySelector(".replybar");
  form.dataset.mode = mode;
  form.dataset.by = by;
  form.dataset.message = id;
  bar.querySelector(".what").textContent = words;
  bar.hidden = false;
  if (text) form.elements.text.value = text;
  form.elements.text.focus();
}

function unpick(phone) {
  const form = phone.querySelector("form");
  if (form.dataset.mode === "edit") form.elements.text.value = "";
  delete form.dataset.mode;
  delete form.dataset.by;
  form.querySelector(".replybar").hidden = true;
  form.elements.text.placeholder = form.elements.text.getAttribute("aria-label");
  phone.querySelector(".asked").dispatchEvent(new Event("unpicked"));
}

function submit(form) {
  const phone = phoneOf(form), text = form.elements.text, file = form.elements.file;
  const words = text.value.trim(), { mode, message } = form.dataset;
  if (!words && !file.files.length) return;
  if (mode === "edit") post(phone, "edit", { text: words, message });
  else if (file.files.length) {
    const body = new FormData();
    body.append("text", words);
    body.append("file", file.files[0]);
    if (mode === "reply") body.append("reply_to", message);
    comeDown(phone);
    fetch(`/phones/${phone.dataset.key}/send`, { method: "POST", headers: { "HX-Request": "true" }, body });
  } else say(phone, words, mode === "reply" ? { reply_to: message } : {});
  text.value = file.value = "";
  unpick(phone);
}

function sendSample(phone, values) {
  const { mode, message } = phone.querySelector("form").dataset;
  comeDown(phone);
  post(phone, "sample", mode === "reply" ? { ...values, reply_to: message } : values);
  unpick(phone);
}

// --- what opens and closes ------------------------------------------------------------------------------------------

function close(except) {
  for (const pop of document.querySelectorAll(".pop:not([hidden])")) {
    if (pop === except) continue;
    if (pop.classList.contains("actions")) pop.remove();
    else pop.hidden = true;
  }
  for (const opener of document.querySelectorAll('[aria-expanded="true"]')) {
    if (!except || opener.dataset.toggle !== except.id) opener.setAttribute("aria-expanded", "false");
  }
}

function toggle(opener) {
  const pop = document.getElementById(opener.dataset.toggle);
  close(pop);
  pop.hidden = !pop.hidden;
  opener.setAttribute("aria-expanded", String(!pop.hidden));
  if (!pop.hidden) pop.querySelector("button")?.focus();
}

function openActions(opener) {
  const was = opener.getAttribute("aria-expanded") === "true";
  close();
  if (was) return;
  const device = opener.closest(".device"), bubble = opener.closest(".bubble");
  const pop = document.getElementById("actions").content.firstElementChild.cloneNode(true);
  for (const name of ["edit", "delete"]) pop.querySelector(`[data-${name}]`).hidden = !bubble.dataset.own;
  pop.querySelector("[data-copy]").hidden = !bubble.dataset.text;
  pop.dataset.of = bubble.closest(".row").id;
  device.append(pop);
  const at = opener.getBoundingClientRect(), frame = device.getBoundingClientRect();
  pop.style.top = `${Math.min(at.bottom - frame.top, frame.height - pop.offsetHeight - 8)}px`;
  pop.style.left = `${Math.max(8, Math.min(at.left - frame.left - 60, frame.width - pop.offsetWidth - 8))}px`;
  opener.setAttribute("aria-expanded", "true");
  pop.querySelector("[data-reply]").focus();
}

function act(pop, button) {
  const phone = phoneOf(pop), bubble = document.querySelector(`#${pop.dataset.of} .bubble`);
  const message = bubble.dataset.id, text = bubble.dataset.text;
  if ("reply" in button.dataset) pick(phone, "reply", message, text || "…");
  else if ("edit" in button.dataset) pick(phone, "edit", message, text, text);
  else if ("delete" in button.dataset) post(phone, "delete", { message });
  else if ("copy" in button.dataset) copy(phone, text);
  else post(phone, "react", { message, emoji: button.dataset.react });
  close();
}

async function copy(phone, text) {
  try { await navigator.clipboard.writeText(text); } catch { /* the browser refuses; the words below are no less true */ }
  const toast = document.getElementById(`toast-${phone.dataset.key}`);
  const note = document.createElement("p");
  note.className = "brief";
  note.textContent = document.body.dataset.copied;
  toast.replaceChildren(note);
}

// --- presses --------------------------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const at = event.target.closest("button, [data-expand], a");
  const pop = event.target.closest(".pop");
  if (!at) return pop ? undefined : close();
  const phone = phoneOf(at), data = at.dataset;
  if ("toggle" in data) return toggle(at);
  if ("actions" in data) return openActions(at);
  if (pop?.classList.contains("actions")) return act(pop, at);
  if ("say" in data) say(phone, data.say);
  else if (data.post === "sample") sendSample(phone, JSON.parse(data.values));
  else if ("post" in data) post(phone, data.post, JSON.parse(data.values || "{}"));
  else if ("copies" in data) copy(phone, data.copies);
  else if ("file" in data) phone.querySelector("input[type=file]").click();
  else if ("cancel" in data) unpick(phone);
  else if ("dismiss" in data) at.closest(".alert").close();
  else if ("down" in data) goDown(at);
  else if ("reveal" in data || "expand" in data) at.classList.toggle("open");
  else if ("goto" in data) document.getElementById(data.goto)?.scrollIntoView({ block: "center" });
  else if (at.id === "theme") setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  else if (at.tagName !== "A") return;
  close();
});

document.addEventListener("submit", (event) => {
  event.preventDefault();
  submit(event.target);
});
document.addEventListener("change", (event) => {
  if (event.target.type === "file" && event.target.files.length) submit(event.target.form);
});
document.addEventListener("keydown", (event) => {
  const field = event.target.closest("textarea");
  if (event.key === "Escape") {
    const opener = document.querySelector('[aria-expanded="true"]');
    close();
    if (field) unpick(phoneOf(field));
    opener?.focus();
  } else if (event.key === "Enter" && field && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit(field.form);
  } else if (event.key === "Enter" && event.target.matches("[data-expand]")) event.target.classList.toggle("open");
});
document.addEventListener("dblclick", (event) => {
  const bubble = event.target.closest(".bubble");
  if (bubble) pick(phoneOf(bubble), "reply", bubble.dataset.id, bubble.dataset.text || "…");
});
document.addEventListener("error", (event) => {
  const image = event.target;
  if (image.tagName !== "IMG") return;
  const instead = document.createElement("span");
  instead.className = "photo none";
  instead.textContent = image.dataset.missing;
  image.replaceWith(instead);
}, true);

// --- what the server sends ------------------------------------------------------------------------------------------

// A chat stays at its end, or where somebody reads; there a button says how much has come below, and leads to it.
for (const log of document.querySelectorAll(".log")) {
  const button = phoneOf(log).querySelector(".down"), count = button.querySelector(".count");
  const others = () => [...log.querySelectorAll(".in")];
  const isBelow = (row) => row.offsetTop + row.offsetHeight > log.scrollTop + log.clientHeight + 1;
  let stays = true, known = new Set(others().map((row) => row.id)), fresh = new Set();
  const show = () => {
    fresh = new Set(stays ? [] : others().filter((row) => fresh.has(row.id) && isBelow(row)).map((row) => row.id));
    button.hidden = stays;
    count.hidden = !fresh.size;
    count.textContent = fresh.size || "";
    const { name, named } = button.dataset;
    button.setAttribute("aria-label", fresh.size ? named.replace("{count}", fresh.size) : name);
  };
  const down = () => { if (stays) log.scrollTop = log.scrollHeight; show(); };
  log.addEventListener("scroll", () => {
    stays = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    show();
  });
  log.addEventListener("load", down, true);
  new MutationObserver(() => {
    const rows = others().map((row) => row.id);
    rows.forEach((id) => { if (!known.has(id)) fresh.add(id); });
    known = new Set(rows);
    down();
  }).observe(log, { childList: true, subtree: true, characterData: true });
  new ResizeObserver(down).observe(log);
  down();
}
// An alert is answered before anything else: whatever lies below it cannot be reached.
for (const toast of document.querySelectorAll(".toast")) {
  new MutationObserver(() => {
    const alert = toast.querySelector("dialog:not([open])");
    if (!alert) return;
    alert.addEventListener("close", () => alert.remove());
    alert.showModal();
  }).observe(toast, { childList: true });
}
for (const asked of document.querySelectorAll(".asked")) {
  const look = () => { // what somebody has picked themselves stays theirs; what the bot asks comes after it
    const one = asked.querySelector("[data-message]"), phone = phoneOf(asked), form = phone.querySelector("form");
    if (!one) {
      if (form.dataset.by === "bot") unpick(phone);
      delete form.dataset.asked;
      return;
    }
    if (form.dataset.asked === one.dataset.message || form.dataset.by === "person") return;
    const focused = document.activeElement;
    pick(phone, "reply", one.dataset.message, one.textContent, "", "bot");
    if (!phone.contains(focused)) focused?.focus();
    form.dataset.asked = one.dataset.message;
    if (one.dataset.placeholder) form.elements.text.placeholder = one.dataset.placeholder;
  };
  new MutationObserver(look).observe(asked, { childList: true, subtree: true, attributes: true });
  asked.addEventListener("unpicked", look);
  look();
}
// A telephone that is out of sight says by its name that something new has come.
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    target.dataset.inSight = isIntersecting ? "1" : "";
    if (isIntersecting) document.querySelector(`.names [href="#${target.id}"] i`).hidden = true;
  }
}, { threshold: 0.3 });
for (const phone of document.querySelectorAll(".phone")) {
  const log = phone.querySelector(".log"), mark = document.querySelector(`.names [href="#${phone.id}"] i`);
  const newest = () => [...log.querySelectorAll(".in")].at(-1)?.id;
  let last = newest();
  new MutationObserver(() => {
    if (newest() !== last && !phone.dataset.inSight) mark.hidden = false;
    last = newest();
  }).observe(log, { childList: true });
  seen.observe(phone);
}
const clock = document.getElementById("clock");
new MutationObserver(() => {
  document.querySelectorAll(".clock").forEach((one) => { one.textContent = clock.textContent; });
}).observe(clock, { childList: true, characterData: true, subtree: true });

const events = document.getElementById("events"), offline = document.getElementById("offline");
events.addEventListener("over", () => Promise.allSettled([posted]).then(() => location.reload()));
events.addEventListener("htmx:sse:error", () => { offline.hidden = false; offline.textContent = document.body.dataset.offline; });
events.addEventListener("htmx:sse:after:message", () => { offline.hidden = true; });

// --- dark and light -------------------------------------------------------------------------------------------------

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  sessionStorage.setItem("theme", theme);
}
const wanted = new URLSearchParams(location.search).get("theme") || sessionStorage.getItem("theme");
setTheme(wanted || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
