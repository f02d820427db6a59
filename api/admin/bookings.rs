//! The function behind `/api/admin/bookings`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/bookings")
}
