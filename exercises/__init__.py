"""Exercises: the lectures, with the bodies left to the student. The first ones come with the workbook."""
