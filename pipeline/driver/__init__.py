"""``dsn run``: the process that runs a study, writes its workspace and alone may do so."""
