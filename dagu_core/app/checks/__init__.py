"""What `dagu doctor` looks at, one file for each kind."""
