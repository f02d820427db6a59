//! A client so cheap that it does not distort the measurement: one connection, one request at a
//! time.

use std::{net::Ipv4Addr, ops::Range};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A kept connection.
pub(crate) struct Connection {
    stream: TcpStream,
    /// Begins with the response that is being read.
    buffer: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The value of a header, or an empty string.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value.trim())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{} {}", self.status, String::from_utf8_lossy(&self.body)))
    }
}

impl Connection {
    pub(crate) async fn open(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: Vec::with_capacity(64 * 1024),
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Response {
        let request = format!("GET {path} HTTP/1.1\r\nhost: load\r\n\r\n");
        self.exchange(request).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &serde_json::Value) -> Response {
        let body = body.to_string();
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: load\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.exchange(request).await
    }

    async fn exchange(&mut self, request: String) -> Response {
        self.stream.write_all(request.as_bytes()).await.unwrap();
        let end = self.read_through(0, b"\r\n\r\n").await;
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let mut response = Response {
            status: head[9..12].parse().unwrap(),
            head,
            body: Vec::new(),
        };
        let end = if response.header("transfer-encoding") == "chunked" {
            self.read_chunks(end, &mut response.body).await
        } else {
            let length: usize = response.header("content-length").parse().unwrap_or(0);
            self.fill(end + length).await;
            response
                .body
                .extend_from_slice(&self.buffer[end..end + length]);
            end + length
        };
        self.buffer.drain(..end);
        response
    }

    /// Reads chunks from `at` on (RFC 9112, section 7.1) and returns their end.
    async fn read_chunks(&mut self, mut at: usize, body: &mut Vec<u8>) -> usize {
        loop {
            let end = self.read_through(at, b"\r\n").await;
            let size = String::from_utf8_lossy(&self.buffer[at..end - 2]).into_owned();
            let size = usize::from_str_radix(&size, 16).unwrap();
            let data: Range<usize> = end..end + size;
            self.fill(data.end + 2).await;
            at = data.end + 2;
            if size == 0 {
                return at;
            }
            body.extend_from_slice(&self.buffer[data]);
        }
    }

    /// Reads up to the first `mark` after `from` and returns its end.
    async fn read_through(&mut self, from: usize, mark: &[u8]) -> usize {
        loop {
            let found = self.buffer[from..]
                .windows(mark.len())
                .position(|window| window == mark);
            match found {
                Some(at) => return from + at + mark.len(),
                None => self.fill(self.buffer.len() + 1).await,
            }
        }
    }

    /// Reads until the buffer has `length` bytes.
    async fn fill(&mut self, length: usize) {
        while self.buffer.len() < length {
            let read = self.stream.read_buf(&mut self.buffer).await.unwrap();
            assert!(read > 0, "the connection was closed");
        }
    }
}
