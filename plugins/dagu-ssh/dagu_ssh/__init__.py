"""Commands on other machines over SSH, files over SFTP."""
