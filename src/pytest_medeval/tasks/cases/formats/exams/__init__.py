"""Published exam questions."""
