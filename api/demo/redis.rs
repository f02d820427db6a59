//! The function behind `/api/demo/redis`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("demo/redis")
}
