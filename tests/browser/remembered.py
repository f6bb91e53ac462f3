"""A page with one large element, shown only after a press: served by a test under the product's own settings."""

import streamlit as st

if st.button("large"):
    st.html("<p class='large'>" + "large " * 4000 + "</p>")
st.button("small")
