//! The function behind `/api/admin/bookings/{id}/reauthorize`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/bookings/reauthorize")
}
