//! The function behind every path below `/api` that has no other.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("not-found")
}
