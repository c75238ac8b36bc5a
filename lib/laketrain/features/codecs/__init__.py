"""Codecs: image files, sound files and arrays as bytes. They know no feature and no table's meaning, only formats."""
