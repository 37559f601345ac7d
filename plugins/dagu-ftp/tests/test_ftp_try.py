def test_it(ftps, run, pyftpd, tmp_path):
    (tmp_path/"a").write_bytes(b"x"*1000)
    r = run(ftps.step("upload", source="a", destination="in/a.bin", caFile=None))
    print(r.result.stdout, r.error, r.stderr)
    import ftplib
    f = ftplib.FTP(); f.connect("127.0.0.1", pyftpd.port); f.login("user", "open-sesame-0815"); print(f.sendcmd("FEAT")); 
    (pyftpd.root/"a").write_bytes(b"x"*1000)
    print(f.sendcmd("OPTS MLST type;size;modify;unix.mode;"), f.sendcmd("MLST a")); f.close()
    assert 0
