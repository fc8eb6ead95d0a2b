"""A letter by mail, handed to the mail server at once: the queue of other mail is sent by Celery, which may be down."""

import smtplib
import socket
import ssl
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from portal.operations.watching.telling.letters import Letter, NotSent

TIMEOUT_SECONDS = 10


def send_mail(letter: Letter) -> None:
    """Hand a letter to the mail server of EMAIL_URL. Raises NotSent."""
    backends: Any = settings.POST_OFFICE["BACKENDS"]
    try:
        connection = get_connection(backends["default"], timeout=TIMEOUT_SECONDS)
        EmailMessage(
            letter.subject,
            letter.body,
            settings.DEFAULT_FROM_EMAIL,
            [letter.address],
            connection=connection,
            headers={"Auto-Submitted": "auto-generated", "Message-ID": letter.message_id},
        ).send()
    except (OSError, ValueError) as error:
        raise NotSent(_words(error)) from None


def _words(error: OSError | ValueError) -> str:
    match error:
        case smtplib.SMTPAuthenticationError():
            return f"The mail server refused the login of EMAIL_URL ({error.smtp_code})."
        case smtplib.SMTPRecipientsRefused():
            codes = ", ".join(sorted({str(code) for code, _ in error.recipients.values()}))
            return f"The mail server refused the recipient ({codes})."
        case smtplib.SMTPSenderRefused():
            return f"The mail server refused the sender, DEFAULT_FROM_EMAIL ({error.smtp_code})."
        case smtplib.SMTPResponseException():
            return f"The mail server refused the mail ({error.smtp_code})."
        case ValueError() if not isinstance(error, OSError):  # an ssl.CertificateError is both
            return "The address cannot be written to: is it a mail address?"
    return _words_of_connection(error)


def _words_of_connection(error: BaseException) -> str:
    # smtplib tells of a silence within the dialogue as of an end.
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return f"The mail server did not answer within {TIMEOUT_SECONDS} s."
    match error:
        case smtplib.SMTPServerDisconnected():
            return "The mail server closed the connection."
        case ssl.SSLError():
            return "There is no secure connection to the mail server: its certificate or its TLS is not accepted."
        case socket.gaierror():
            return "The name of the mail server in EMAIL_URL is not known."
        case ConnectionRefusedError():
            return "The mail server refused the connection: does it run, and is the port in EMAIL_URL right?"
        case _:
            return f"The mail server cannot be reached ({type(error).__name__})."
