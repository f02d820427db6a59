//! TLS to the database.
//!
//! A TLS proxy in front of the real server implements PostgreSQL's prelude: `SSLRequest`, `S`,
//! handshake. It uses the local PayPal's certificates.

use crate::database::{Database, with_database};
use crate::exo::{self, RunOutput};
use crate::folder::stems;
use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

/// The only name in the certificate.
const NAME: &str = "messageverificationcerts.paypal.com";
/// Source: <https://www.postgresql.org/docs/current/protocol-message-formats.html>
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

fn certificate(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../hosts/local/certificates");
    format!("{folder}/{name}")
}

/// A TLS proxy in front of a database's server.
struct TlsProxy {
    port: u16,
    /// Connections that completed the handshake.
    encrypted: Arc<AtomicUsize>,
}

impl TlsProxy {
    async fn start(db: &Database) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = (
            db.url.host_str().unwrap().to_owned(),
            db.url.port().unwrap(),
        );
        let encrypted = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&encrypted);
        let acceptor = acceptor();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (acceptor, server, counted) =
                    (acceptor.clone(), server.clone(), Arc::clone(&counted));
                // Some clients hang up: an error is expected.
                tokio::spawn(async move { forward(client, acceptor, server, &counted).await });
            }
        });
        Self { port, encrypted }
    }

    /// Runs `exo migrate` through the proxy, under the name `host`.
    async fn migrate(
        &self,
        db: &Database,
        host: &str,
        options: &str,
        variables: &[(&str, &str)],
    ) -> RunOutput {
        let url = format!(
            "postgresql://{}:{}@{host}:{}{}?hostaddr=127.0.0.1&sslmode=require{options}",
            db.url.username(),
            db.url.password().unwrap(),
            self.port,
            db.url.path()
        );
        let variables = [variables, &[("DATABASE_URL", url.as_str())]].concat();
        exo::run(&["migrate"], &variables).await
    }
}

async fn forward(
    mut client: TcpStream,
    acceptor: TlsAcceptor,
    server: (String, u16),
    encrypted: &AtomicUsize,
) -> io::Result<()> {
    let mut request = [0; 8];
    client.read_exact(&mut request).await?;
    assert_eq!(request, SSL_REQUEST, "the client starts without TLS");
    client.write_all(b"S").await?;
    let mut client = acceptor.accept(client).await?;
    encrypted.fetch_add(1, Ordering::SeqCst);
    let mut server = TcpStream::connect(server).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

fn acceptor() -> TlsAcceptor {
    let chain = ["webhook.pem", "intermediate.pem"]
        .map(|name| CertificateDer::from_pem_file(certificate(name)).unwrap());
    let key = PrivateKeyDer::from_pem_file(certificate("webhook.key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.to_vec(), key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn named_authority_is_trusted() {
    with_database(|db| async move {
        let proxy = TlsProxy::start(&db).await;
        let root = certificate("root.pem");
        let by_variable = proxy
            .migrate(&db, NAME, "", &[("EXO_DATABASE_CA", &root)])
            .await;
        assert_eq!((by_variable.code, by_variable.err.as_str()), (0, ""));
        assert!(
            by_variable
                .out
                .ends_with(&format!("applied: {}\n", stems().len()))
        );

        let option = format!("&sslrootcert={}", root.replace('/', "%2F"));
        let by_option = proxy
            .migrate(&db, NAME, &option, &[("EXO_DATABASE_CA", "/nowhere")])
            .await;
        assert_eq!(
            (by_option.code, by_option.out.as_str()),
            (0, "applied: 0\n")
        );
        assert_eq!(proxy.encrypted.load(Ordering::SeqCst), 2);
    })
    .await;
}

#[tokio::test]
async fn unproven_server_gets_no_password() {
    with_database(|db| async move {
        let proxy = TlsProxy::start(&db).await;
        let root = certificate("root.pem");

        let unknown = proxy.migrate(&db, NAME, "", &[]).await;
        assert_eq!(unknown.code, 3);
        assert!(
            unknown.err.contains("name the file in EXO_DATABASE_CA"),
            "{unknown:?}"
        );

        // A trusted authority that did not sign this server's certificate.
        let leaf = certificate("webhook.pem");
        let other = proxy
            .migrate(&db, NAME, "", &[("EXO_DATABASE_CA", &leaf)])
            .await;
        assert_eq!(other.code, 3, "{other:?}");

        let misnamed = proxy
            .migrate(&db, "db.example.com", "", &[("EXO_DATABASE_CA", &root)])
            .await;
        assert_eq!(misnamed.code, 3);
        assert!(misnamed.err.contains("not valid for name"), "{misnamed:?}");
        assert!(!misnamed.err.contains("EXO_DATABASE_CA"), "{misnamed:?}");
        assert_eq!(proxy.encrypted.load(Ordering::SeqCst), 0);
    })
    .await;
}

#[tokio::test]
async fn required_tls_has_no_fallback() {
    with_database(|db| async move {
        let mut url = db.url.clone();
        url.set_query(Some("sslmode=require"));
        let refused = exo::run(&["migrate"], &[("DATABASE_URL", url.as_str())]).await;
        assert_eq!((refused.code, refused.out.as_str()), (3, ""));
        assert!(
            refused.err.contains("server does not support TLS"),
            "{refused:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn unusable_authority_file_is_named() {
    for (file, problem) in [
        ("/nowhere", "No such file"),
        (
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
            "holds no certificate in PEM",
        ),
    ] {
        assert!(file == "/nowhere" || Path::new(file).exists());
        let variables = [
            (
                "DATABASE_URL",
                "postgresql://u:p@127.0.0.1:1/d?sslmode=require",
            ),
            ("EXO_DATABASE_CA", file),
        ];
        let refused = exo::run(&["migrate"], &variables).await;
        assert_eq!(refused.code, 2);
        let start = format!("exo: error[variable]: EXO_DATABASE_CA (or sslrootcert): {file}: ");
        assert!(
            refused.err.starts_with(&start) && refused.err.contains(problem),
            "{refused:?}"
        );
    }
}
