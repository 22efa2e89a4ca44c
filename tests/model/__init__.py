"""The reference model of the distributor: which operator gets which contact, when, and why. What it says is the
specification; `tests/model` imports nothing of the product.

A `Distributor` (`distributor`) takes one move after another (`moves`) and answers each with what it did:

    shop = Distributor(random.Random(7).random)
    anna, source = shop.hire(), shop.connect(strategy="exact")
    shop.step(Employ(source, anna, weight=10))
    shop.step(Open(source, "ivan"))  # [Event("opened", 1), Event("assigned", 1, operator=1, why="exact")]
    shop.step(Wait(3_600))

What to read, each a page:

* `rules`: who is eligible, one list of named rules
* `choosing`: chance, credit and stickiness; the record from which a decision follows again
* `credits`: the ledger in whole numbers, whose turn it is, and the proof of the bounds
* `contacts`, `operators`, `sources`: what each of them is; the order of the queue, loads, settings
* `hours`: working calendars, minute by minute
* `clocks`: the service level, read from what happened
* `world`: everything together, and what is asked of it
* `assigning`: how a contact comes to an operator and leaves them: assignment, offer, return, escalation
* `settling`: what happens by itself, in which order, and when next
* `distributor`: moves
* `conservation`: what is true after every step; `View`, by which model and product are compared

Time is whole seconds of UTC, chance a function; with the same moves and rolls, a history repeats. Not modelled: who
may do what, one open contact per client and chat, words for people, locks and slices of a long queue.
"""
