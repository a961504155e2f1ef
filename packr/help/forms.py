"""What a person says to support."""

from django import forms


class ContactForm(forms.Form):
    message = forms.CharField(
        label="What is wrong, or what do you need?",
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 5}),
        error_messages={"required": "Say in a sentence what is wrong. Support sees the rest below."},
    )
    reply_to = forms.EmailField(
        label="Where to answer",
        required=False,
        help_text="Your e-mail address.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
