"""Image sources over timm's readers, decoding, crops and label spaces."""
