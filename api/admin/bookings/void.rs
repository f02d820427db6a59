//! The function behind `/api/admin/bookings/{id}/void`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/bookings/void")
}
