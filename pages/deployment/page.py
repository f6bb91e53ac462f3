"""Check a deployment: eight questions, the attacks that follow from the answers, and a finding to file."""

from __future__ import annotations

import streamlit as st

from gi_core.deployment import ASKED
from pages.deployment import answers, asking, files, result
from pages.shared import address, head
from pages.shared.places import WEB

address.visit("deployment", *ASKED)
st.html(WEB / "frontier.css")
st.html(WEB / "deployment.css")
head.title(
    "Is our deployment safe?",
    "Clients that train a network together keep their pictures and send updates: what the network learnt from them. Can the server turn an update back into"
    " a picture? Answer eight questions, as far as you know, or give the files of your job. The strongest attacks that apply are then run here, on bundled medical"
    " pictures and a network of that kind; nothing of yours is used.",
)
head.word()
files.draw()
answers.draw()
job, price = asking.jobs()
asking.launch(job)
if job is not None:
    result.draw(job, price)
