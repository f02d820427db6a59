//! Serves the files of `public/`.

use http::{HeaderValue, Method, Response, StatusCode, header};
use std::path::{Component, Path, PathBuf};

#[derive(Clone, Debug)]
pub(crate) struct PublicFiles {
    folder: PathBuf,
}

impl PublicFiles {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The file at a URL's path. `None` if there is no such file, or the method is not GET or HEAD.
    pub(crate) async fn find<B: From<Vec<u8>>>(
        &self,
        method: &Method,
        path: &str,
    ) -> Option<Response<B>> {
        if *method != Method::GET && *method != Method::HEAD {
            return None;
        }
        let relative = relative_path(path)?;
        let folder = tokio::fs::canonicalize(&self.folder).await.ok()?;
        let mut file = tokio::fs::canonicalize(folder.join(relative)).await.ok()?;
        if tokio::fs::metadata(&file).await.ok()?.is_dir() {
            file = tokio::fs::canonicalize(file.join("index.html"))
                .await
                .ok()?;
        }
        // A symbolic link may point outside the folder, to a file that is not public.
        if !file.starts_with(&folder) {
            return None;
        }
        let content = tokio::fs::read(&file).await.ok()?;
        let length = HeaderValue::from(content.len());
        let content = if *method == Method::HEAD {
            Vec::new()
        } else {
            content
        };
        let mut response = Response::new(B::from(content));
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(media_type(&file)),
        );
        headers.insert(header::CONTENT_LENGTH, length);
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=0, must-revalidate"),
        );
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        Some(response)
    }
}

/// The relative path of a file. `None` for `..`, hidden names and special characters.
fn relative_path(path: &str) -> Option<PathBuf> {
    let decoded = percent_decoded(path.strip_prefix('/')?)?;
    if decoded.contains(['\0', '\\']) {
        return None;
    }
    let relative = PathBuf::from(decoded);
    let is_plain = relative.components().all(|component| match component {
        Component::Normal(name) => !name.as_encoded_bytes().starts_with(b"."),
        _ => false,
    });
    is_plain.then_some(relative)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let high = char::from(rest.next()?).to_digit(16)?;
        let low = char::from(rest.next()?).to_digit(16)?;
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

fn media_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("avif") => "image/avif",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_and_hidden_paths_are_refused() {
        for path in [
            "/../Cargo.toml",
            "/a/../../b",
            "/%2e%2e/Cargo.toml",
            "/..%2fCargo.toml",
            "//etc/passwd",
            "/%2Fetc/passwd",
            "/.env",
            "/a/.git/config",
            "/a%00.html",
            "/a%5cb",
            "/%zz",
            "/%e",
            "no-slash",
            "/%ff",
        ] {
            assert_eq!(relative_path(path), None, "{path}");
        }
        assert_eq!(relative_path("/"), Some(PathBuf::new()));
        assert_eq!(
            relative_path("/images/a%20b.svg"),
            Some(PathBuf::from("images/a b.svg"))
        );
    }

    #[tokio::test]
    async fn files_are_served_except_links_outside() {
        let folder = std::env::temp_dir().join(format!("exodrive-public-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("public/images")).unwrap();
        std::fs::write(folder.join("public/index.html"), "<p>home").unwrap();
        std::fs::write(folder.join("private"), "secret").unwrap();
        std::os::unix::fs::symlink(folder.join("private"), folder.join("public/link")).unwrap();
        let files = PublicFiles::new(folder.join("public"));
        let home: Response<Vec<u8>> = files.find(&Method::GET, "/").await.unwrap();
        assert_eq!(home.body().as_slice(), b"<p>home");
        assert_eq!(
            home.headers()[header::CONTENT_TYPE],
            "text/html; charset=utf-8"
        );
        let head: Response<Vec<u8>> = files.find(&Method::HEAD, "/").await.unwrap();
        assert_eq!(
            (head.body().len(), &head.headers()[header::CONTENT_LENGTH]),
            (0, &HeaderValue::from(7))
        );
        for (method, path) in [
            (Method::GET, "/link"),
            (Method::GET, "/images"),
            (Method::GET, "/none"),
            (Method::POST, "/"),
        ] {
            assert!(
                files.find::<Vec<u8>>(&method, path).await.is_none(),
                "{path}"
            );
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
