"""Files made beside the messages and uploaded: the statistics picture, exports."""
