"""Files over FTP, FTPS and SFTP."""
