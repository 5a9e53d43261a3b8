"""Image sources over timm's readers, decoding, crops, label spaces and the embedded data set."""
