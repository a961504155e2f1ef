"""The contact form."""

from django import forms


class ContactForm(forms.Form):
    message = forms.CharField(
        label="What is wrong, or what do you need?",
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 5}),
        error_messages={"required": "Describe the problem in a sentence. Support sees the report below."},
    )
    reply_to = forms.EmailField(
        label="Reply to",
        required=False,
        help_text="Your e-mail address.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
