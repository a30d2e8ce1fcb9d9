"""Child processes: spawn, supervise, stop, and end orphans."""
