//! The function behind `/api/admin/bookings`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/bookings")
}
