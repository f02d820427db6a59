//! The function behind `/api/health`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("health")
}
