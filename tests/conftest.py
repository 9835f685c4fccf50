pytest_plugins = ["tests.ledger_plugin", "pytester"]
