"""``l2c admin``: for operators, straight in the database of L2C_DATABASE_URL or L2C_DATA_DIR."""

import typer

from service.commands import admin_accounts, admin_backup, admin_jobs, admin_keys, admin_workers

app = typer.Typer(
    no_args_is_help=True,
    help="For operators: works on the database of the server's own settings, needs no key.",
)
app.add_typer(admin_accounts.app, name="accounts", help="Who may use this server.")
app.add_typer(admin_keys.app, name="keys", help="The keys of any account.")
app.add_typer(admin_jobs.app, name="jobs", help="The jobs of all accounts.")
app.add_typer(admin_workers.app, name="workers", help="What works here.")
app.command()(admin_backup.backup)
app.command()(admin_backup.restore)
