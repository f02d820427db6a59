//! The function behind `/api/demo/redis`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("demo/redis")
}
