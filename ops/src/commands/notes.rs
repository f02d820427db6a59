//! The last part of each help text: environment variables and exit codes, at most 80 columns wide.

pub(super) const OVERVIEW: &str = "\
`exo COMMAND --help` describes a command, the environment variables that it
reads and its exit codes.

Exit codes:
  0  All is well
  1  Something failed or needs an operator
  2  The command line or an environment variable is wrong
  3  The database or the deployment cannot be reached or refuses";

const DEPLOYMENT: &str = "\
Environment:
  EXODRIVE_URL  The deployment's address, such as https://api.example.com.
                Plain http is allowed for this machine only
";

const USAGE: &str = "  2  The command line or an environment variable is wrong";

const REFUSAL: &str = "  3  The deployment cannot be reached or refuses the request";

pub(super) fn migrate() -> String {
    format!(
        "\
Environment:
  DATABASE_URL     postgresql://USER:PASSWORD@HOST:5432/DATABASE. At Supabase,
                   use the session pooler. sslmode is prefer, require or
                   disable. By default there is TLS if the server offers it, but
                   none to this machine. The certificate is always verified
  EXO_DATABASE_CA  A PEM file with the authorities that may have signed the
                   certificate, instead of the public ones. sslrootcert=FILE in
                   DATABASE_URL does the same and wins. Supabase has its own
                   authority: download its certificate under
                   Project settings > Database > SSL configuration

Exit codes:
  0  Done. With --status, the database is up to date
  1  Something failed. With --status, a migration is pending
{USAGE}
  3  The database cannot be reached"
    )
}

pub(super) fn reconcile() -> String {
    format!(
        "\
{DEPLOYMENT}  CRON_SECRET   Starts a comparison. If it is not set, ADMIN_TOKEN is sent
  ADMIN_TOKEN   An operator's token, which --report-only needs. Of several, the
                first one is sent

Exit codes:
  0  Nothing is open
  1  Something is open, or a payment could not be compared
{USAGE}
{REFUSAL}"
    )
}

/// For commands that need an operator's token. `attention` is the meaning of exit code 1.
pub(super) fn admin(attention: &str) -> String {
    format!(
        "\
{DEPLOYMENT}  ADMIN_TOKEN   An operator's token. Of several, the first one is sent

Exit codes:
  0  Done
  1  {attention}
{USAGE}
{REFUSAL}"
    )
}
