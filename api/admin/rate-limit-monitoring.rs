//! The function behind `/api/admin/rate-limit-monitoring`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/rate-limit-monitoring")
}
