"""The model server's side: who may be sent what, how it is asked, and what counts as an answer."""
