"""All runs."""
import streamlit as st
st.title("Runs", anchor=False)
