//! Ports on the loopback interface that stay the same from start to start.

use crate::{error::Error, state_dir::StateDir};
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};
use tokio::net::TcpListener;

/// A listener on the port that was saved as `name`, or on another free one if it is in use.
pub(crate) async fn listen(state: &StateDir, name: &str) -> Result<TcpListener, Error> {
    if let Some(port) = state.port(name)?
        && let Ok(listener) = TcpListener::bind(loopback(port)).await
    {
        return Ok(listener);
    }
    let failed = || Error::io("find a free port");
    let listener = TcpListener::bind(loopback(0)).await.map_err(failed())?;
    let port = listener.local_addr().map_err(failed())?.port();
    state.save_port(name, port)?;
    Ok(listener)
}

/// A free port for a child that opens its own listener.
pub(crate) async fn choose(state: &StateDir, name: &str) -> Result<u16, Error> {
    let listener = listen(state, name).await?;
    Ok(listener
        .local_addr()
        .map_err(Error::io("find a free port"))?
        .port())
}

/// A listener on exactly `port`.
pub(crate) async fn listen_on(port: u16) -> Result<TcpListener, Error> {
    bind(loopback(port)).await
}

/// A second listener on `port`, for programs that resolve `localhost` to `::1`.
///
/// `None` without IPv6.
pub(crate) async fn listen_on_ipv6(port: u16) -> Result<Option<TcpListener>, Error> {
    match bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await {
        Ok(listener) => Ok(Some(listener)),
        // Requests to this program would reach the other one.
        Err(error @ Error::PortInUse { .. }) => Err(error),
        Err(_) => Ok(None),
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| {
        if source.kind() == io::ErrorKind::AddrInUse {
            Error::PortInUse {
                address: address.to_string(),
            }
        } else {
            Error::io(format!("listen on {address}"))(source)
        }
    })
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
