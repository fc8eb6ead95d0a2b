"""Registration, login and password reset."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth import views as auth_views
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView, TemplateView

from limits import limit
from portal.accounts import forms, services


@method_decorator(limit("login"), name="dispatch")
class LoginView(auth_views.LoginView):
    template_name = "accounts/login.html"
    authentication_form = forms.LoginForm
    redirect_authenticated_user = True


@method_decorator(limit("register"), name="dispatch")
@method_decorator(sensitive_post_parameters("password"), name="dispatch")
@method_decorator(never_cache, name="dispatch")
class RegisterView(FormView[forms.RegistrationForm]):
    template_name = "accounts/register.html"
    form_class = forms.RegistrationForm
    success_url = reverse_lazy("register_sent")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return redirect("home")
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: forms.RegistrationForm) -> HttpResponse:
        services.register(**form.cleaned_data, now=timezone.now())
        return super().form_valid(form)


class RegisterSentView(TemplateView):
    template_name = "accounts/register_sent.html"


@method_decorator(sensitive_post_parameters("password"), name="dispatch")
@method_decorator(never_cache, name="dispatch")
class RegisterConfirmView(FormView[forms.ConfirmForm]):
    """The page behind the mailed link.

    Programs that look through mail open links, so only the page's form confirms.
    """

    template_name = "accounts/register_confirm.html"
    form_class = forms.ConfirmForm
    success_url = reverse_lazy("home")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kwargs)
        except services.LinkError as error:
            status = 404 if isinstance(error, services.WrongLinkError) else 410
            return render(request, "accounts/register_unusable_link.html", status=status)

    def get_form_kwargs(self) -> dict[str, Any]:
        registration = services.pending_registration(self.kwargs["token"], now=timezone.now())
        self.extra_context = {"registration": registration}
        return super().get_form_kwargs() | {"registration": registration}

    def form_valid(self, form: forms.ConfirmForm) -> HttpResponse:
        login(self.request, services.confirm(self.kwargs["token"], now=timezone.now()))
        messages.success(self.request, "Your account is ready, and you are logged in.")
        return super().form_valid(form)


@method_decorator(limit("password-reset"), name="dispatch")
class PasswordResetView(auth_views.PasswordResetView):
    template_name = "accounts/password_reset.html"
    form_class = forms.PasswordResetForm


class PasswordResetSentView(auth_views.PasswordResetDoneView):
    template_name = "accounts/password_reset_sent.html"


@method_decorator(limit("password-reset"), name="dispatch")
class PasswordResetConfirmView(auth_views.PasswordResetConfirmView):
    template_name = "accounts/password_reset_confirm.html"
    form_class = forms.NewPasswordForm

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        if not context["validlink"]:
            kwargs["status"] = 410
        return super().render_to_response(context, **kwargs)


class PasswordResetDoneView(auth_views.PasswordResetCompleteView):
    template_name = "accounts/password_reset_done.html"
