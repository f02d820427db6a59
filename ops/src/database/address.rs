//! Parses a connection string.

use super::trust::Trust;
use crate::error::Error;
use percent_encoding::percent_decode_str;
use std::{net::IpAddr, time::Duration};
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The end of the host's name and the port of Supabase's transaction pooler, which gives each
/// transaction another session.
const TRANSACTION_POOLER: (&str, u16) = (".pooler.supabase.com", 6543);

const MALFORMED: &str = "is not a connection string: expected \
     postgresql://USER:PASSWORD@HOST:5432/DATABASE with options that PostgreSQL knows. \
     Percent-encode special characters of the user and the password (@ is %40)";

/// A database's address, the credentials, and the authorities that may have signed its certificate.
///
/// TLS is used if the server offers it (`sslmode=prefer`, the default), always (`require`), or
/// never (`disable`). The certificate and the host's name are always verified, as in libpq's mode
/// `verify-full`. By default there is no TLS to this machine: the traffic does not leave it, and
/// local servers have self-signed certificates.
pub struct Address {
    pub(super) config: Config,
    pub(super) trust: Trust,
}

impl Address {
    /// Parses a connection string as libpq documents it: a URI, or keywords and values.
    ///
    /// `authority` is a PEM file with the certificates that are trusted instead of the public ones.
    /// `sslrootcert` in a URI wins over it.
    ///
    /// Source: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>
    pub fn parse(text: &str, authority: Option<&str>) -> Result<Self, Error> {
        let (text, named_authority) = split_authority(text);
        // The parser's error may quote a part of the password.
        let mut config: Config = text.parse().map_err(|_| invalid(MALFORMED))?;
        // A password with an unencoded @ ends up in the host's name.
        if server_names(&config).any(|name| name.contains('@')) {
            return Err(invalid(MALFORMED));
        }
        if config.get_ssl_mode() == SslMode::Prefer && is_this_machine(&config) {
            config.ssl_mode(SslMode::Disable);
        }
        if is_transaction_pooler(&config) {
            return Err(invalid(
                "names Supabase's transaction pooler, which keeps no session: \
                 use the session pooler, port 5432",
            ));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("exo");
        }
        let trust = Trust::new(named_authority.as_deref().or(authority));
        Ok(Self { config, trust })
    }

    /// `host:port`, with `?` for an unknown host.
    pub(super) fn host(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            #[cfg(unix)]
            Some(Host::Unix(folder)) => folder.display().to_string(),
            None => match self.config.get_hostaddrs().first() {
                Some(address) => address.to_string(),
                None => "?".to_owned(),
            },
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        format!("{host}:{port}")
    }
}

/// Takes `sslrootcert` out of a URI, and replaces the modes that the parser does not know.
///
/// `verify-ca` and `verify-full` become `require`, which verifies the certificate and the name
/// here. `allow` becomes `prefer`, which tries TLS first.
fn split_authority(text: &str) -> (String, Option<String>) {
    let is_uri = text.starts_with("postgresql://") || text.starts_with("postgres://");
    // A password may contain a question mark.
    let host = text.find('@').unwrap_or(0);
    let query_start = text[host..].find('?').map(|offset| host + offset);
    let Some((server, query)) = query_start
        .filter(|_| is_uri)
        .map(|start| text.split_at(start))
    else {
        return (text.to_owned(), None);
    };
    let mut authority = None;
    let mut options = Vec::new();
    for option in query[1..].split('&') {
        match option.split_once('=') {
            Some(("sslrootcert", file)) => {
                authority = Some(percent_decode_str(file).decode_utf8_lossy().into_owned());
            }
            Some(("sslmode", "verify-ca" | "verify-full")) => options.push("sslmode=require"),
            Some(("sslmode", "allow")) => options.push("sslmode=prefer"),
            _ => options.push(option),
        }
    }
    (format!("{server}?{}", options.join("&")), authority)
}

/// The servers on the network, each as a name or an address.
fn server_names(config: &Config) -> impl Iterator<Item = &str> {
    config.get_hosts().iter().filter_map(|host| match host {
        Host::Tcp(name) => Some(name.as_str()),
        #[cfg(unix)]
        Host::Unix(_) => None,
    })
}

fn is_this_machine(config: &Config) -> bool {
    let is_local = |name: &str| {
        let address = name.parse::<IpAddr>();
        name == "localhost" || address.is_ok_and(|address| address.is_loopback())
    };
    let addresses = config.get_hostaddrs();
    if addresses.is_empty() {
        server_names(config).all(is_local)
    } else {
        addresses.iter().all(IpAddr::is_loopback)
    }
}

fn is_transaction_pooler(config: &Config) -> bool {
    let (suffix, port) = TRANSACTION_POOLER;
    server_names(config).any(|name| name.ends_with(suffix)) && config.get_ports().contains(&port)
}

fn invalid(problem: &str) -> Error {
    Error::Variable {
        variable: "DATABASE_URL",
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Address {
        Address::parse(text, None).unwrap()
    }

    fn refusal(text: &str) -> String {
        let refused = Address::parse(text, None).err().unwrap();
        assert_eq!((refused.code(), refused.exit_code()), ("variable", 2));
        refused.to_string()
    }

    #[test]
    fn tls_is_preferred_except_to_this_machine() {
        let mode = |text: &str| read(text).config.get_ssl_mode();
        let remote = "postgresql://u:p@db.example.com:5432/d";
        assert_eq!(mode(remote), SslMode::Prefer);
        assert_eq!(mode(&format!("{remote}?sslmode=disable")), SslMode::Disable);
        assert_eq!(mode(&format!("{remote}?sslmode=allow")), SslMode::Prefer);
        for strict in ["require", "verify-ca", "verify-full"] {
            assert_eq!(
                mode(&format!("{remote}?sslmode={strict}")),
                SslMode::Require
            );
        }
        for local in ["localhost", "127.0.0.1", "[::1]", "%2Frun%2Fpostgresql"] {
            assert_eq!(mode(&format!("postgresql://u@{local}/d")), SslMode::Disable);
        }
        let required = "postgresql://u@127.0.0.1/d?sslmode=require";
        assert_eq!(mode(required), SslMode::Require);
        // The address counts, not the name, and one remote host is enough.
        assert_eq!(
            mode("host=db.example.com hostaddr=127.0.0.1"),
            SslMode::Disable
        );
        assert_eq!(mode("host=localhost hostaddr=192.0.2.1"), SslMode::Prefer);
        assert_eq!(mode("host=localhost,db.example.com"), SslMode::Prefer);
    }

    #[test]
    fn sslrootcert_wins_over_the_variable() {
        let file = |text: &str, variable| Address::parse(text, variable).unwrap().trust;
        let url = "postgresql://u:p@db.example.com/d";
        assert_eq!(file(url, None), Trust::Public);
        assert_eq!(file(url, Some("a.pem")), Trust::File("a.pem".into()));
        let named = format!("{url}?application_name=x&sslrootcert=%2Ftmp%2Fmy%20ca.pem");
        assert_eq!(
            file(&named, Some("a.pem")),
            Trust::File("/tmp/my ca.pem".into())
        );
        let with_mark = "postgresql://u:p?sslrootcert=x@db.example.com/d?sslrootcert=b.pem";
        assert_eq!(file(with_mark, None), Trust::File("b.pem".into()));
        let system = format!("{url}?sslrootcert=system");
        assert_eq!(file(&system, Some("a.pem")), Trust::Public);
        assert_eq!(read(&named).config.get_application_name(), Some("x"));
    }

    #[test]
    fn malformed_string_is_not_quoted() {
        for text in [
            "postgresql://u:p@hunter2@db.example.com/d",
            "postgresql://u:p@db.example.com/d?hunter2=1",
            "hunter2",
            "postgresql://u:p@db.example.com:hunter2/d",
        ] {
            assert!(!refusal(text).contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn transaction_pooler_is_refused() {
        let pooler = "postgresql://postgres.x:p@aws-0-eu-central-1.pooler.supabase.com";
        assert!(refusal(&format!("{pooler}:6543/postgres")).contains("session pooler"));
        assert_eq!(
            read(&format!("{pooler}:5432/postgres")).host(),
            "aws-0-eu-central-1.pooler.supabase.com:5432"
        );
    }
}
