//! The function behind `/api/admin/cache-warm`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/cache-warm")
}
