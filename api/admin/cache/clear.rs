//! The function behind `/api/admin/cache/clear`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/cache/clear")
}
