"""Method ``tron``: a species conversion layer in front of a network that was trained on another species.

Source: Transfer Orthology Networks (TRON), arXiv. Its modules need torch.
"""
