"""What triggers on files have in common, wherever the files are: which are meant, finished, told."""
