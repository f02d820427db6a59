//! The function behind `/api/admin/bookings/{id}/reauthorize`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/bookings/reauthorize")
}
