"""The sections of the page, one file each; a new file with a `SECTION` is a new section."""
