"""The lectures: reference implementations, one idea per file, with the story and the figures in each lecture.py."""
