//! The function behind `/api/health`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("health")
}
