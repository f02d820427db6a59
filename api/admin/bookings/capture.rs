//! The function behind `/api/admin/bookings/{id}/capture`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/bookings/capture")
}
