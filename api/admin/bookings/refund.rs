//! The function behind `/api/admin/bookings/{id}/refund`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/bookings/refund")
}
