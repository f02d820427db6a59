//! The function behind `/api/admin/cache-warm`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/cache-warm")
}
