"""The internal report: one release beside real rows, for those who may see both.

NOT PRIVATE: reads real rows through ``evaluate``, adds no noise and pays no budget.
What is published is the certificate (``publish``), which nothing here can reach.

    gather  measures, into one record      result  the record, its JSON, its files
    fit     what the model file says       words   warnings, names of sources
    page    the record as one HTML file    plots   the record's pictures, by name
    charts  forms of pictures              draw    matplotlib, in a page or a file
"""
